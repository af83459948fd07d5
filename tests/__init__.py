"""The tests, in the folders of the package; they import helpers by name: ``tests.helpers``."""
