"""Doors that other servers' clients know: thin adapters over ``server.actions``, nothing else.

Each dialect has its request structs (``…_ask``), its routes, and its shape of an error
(``server.dialects``). A picture made through any of them is a job of the queue like every other.
"""
