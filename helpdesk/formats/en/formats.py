"""English dates and hours, day first: 24 Nov 2026, 16:40."""

DATE_FORMAT = "j M Y"
SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "G:i"
DATETIME_FORMAT = "j M Y, G:i"
SHORT_DATETIME_FORMAT = "j M Y, G:i"
