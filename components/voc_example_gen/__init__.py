"""VocExampleGen: a VOC devkit → TFX Examples."""
