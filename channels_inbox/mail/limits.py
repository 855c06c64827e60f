"""Decides how much of a mail is read, so that no mail costs more than a bounded time (A22).

What lies beyond a limit is not lost: the raw bytes are stored first, and a defect names the limit.
"""

HEADER_BYTES = 2 * 1024 * 1024  # of one header block; 20,000 references need about 1 MB
HEADER_FIELDS = 2000  # of one header block
FIELD_BYTES = 64 * 1024  # of one field, except the id lists
PART_FIELD_BYTES = 16 * 1024  # of Content-Type and Content-Disposition
SUBJECT_CHARS = 998
NAME_CHARS = 300  # a person's name
ADDRESS_CHARS = 254  # RFC 5321 4.5.3.1.3
ID_CHARS = 998  # RFC 5322 2.1.1; also what a PostgreSQL index can hold
MAILBOXES = 500  # of one field name
REFERENCES = 100
REFERENCES_FIRST = 10  # the root of a conversation stands first, its latest mails last
DEPTH = 20
PARTS = 200
FALSE_BOUNDARIES = 10_000  # lines that begin like a boundary and are none
TEXT_BYTES = 4 * 1024 * 1024  # of all text shown; a longer part is also kept as a file
HTML_AS_TEXT_CHARS = 1024 * 1024
FILE_NAME_CHARS = 150
FILE_NAME_BYTES = 240  # most file systems end at 255
REPORT_BYTES = 256 * 1024  # of a delivery status part
EVIDENCE_CHARS = 20_000  # of a body, when looking for the words of a bounce
DIAGNOSTIC_CHARS = 1000
