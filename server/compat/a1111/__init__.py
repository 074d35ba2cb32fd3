"""AUTOMATIC1111's API, ``/sdapi/v1``: the endpoints that its clients call.

Nothing sloppy is refused: what has no meaning here is told in ``warnings`` of the answer. Source:
the requests that those clients make, and the project's public API page.
"""
