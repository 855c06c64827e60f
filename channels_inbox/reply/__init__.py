"""Decide which part of a mail is the customer's new text; no Django here."""
