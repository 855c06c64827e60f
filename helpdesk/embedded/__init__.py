"""The embedded mode: PostgreSQL and Valkey from wheels, and the supervisor of `./hd up`.

Nothing here imports Django, so that the supervisor stays small and starts at once; nothing here is used for a
server whose address is given (`DATABASE_URL`, `REDIS_URL`).
"""
