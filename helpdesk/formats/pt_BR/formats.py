"""Brazilian dates and hours: 24/11/2026, 16h40."""

DATE_FORMAT = "d/m/Y"
SHORT_DATE_FORMAT = "d/m/Y"
TIME_FORMAT = r"G\hi"
DATETIME_FORMAT = r"d/m/Y, G\hi"
SHORT_DATETIME_FORMAT = r"d/m/Y, G\hi"
