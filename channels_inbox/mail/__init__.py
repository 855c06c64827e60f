"""Reading of raw mail: one module a question, all pure, none needs Django.

The public face is `channels_inbox.mime`.
"""
