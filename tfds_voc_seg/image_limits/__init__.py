"""What an image may be: its format, its size, and the memory and time that decoding it takes.

`limits.py` decides it from a file's bytes before anything is decoded; `opening.py` opens checked images with PIL.
`headers.py` reads the headers.
"""
