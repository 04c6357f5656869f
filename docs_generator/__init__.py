"""What `make docs` adds to the pages in `docs`: the reference, from the code, and the project's other Markdown files.

The modules here need no MkDocs, except `hook`, which MkDocs loads.
"""
