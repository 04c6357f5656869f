"""VocExampleGen: converts a VOC devkit to TFX Examples."""
