"""Imports datasets of other layouts: each reader turns a source into images, one writer makes the devkit.

`formats.py` names the readers. A reader lists the photos of its source and how to make the mask of each; `devkit.py`
writes photos, masks, split lists and `labels.yaml`, and reports everything that it could not take.
"""
