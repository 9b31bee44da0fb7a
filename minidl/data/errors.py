"""The two ways in which data can be unusable: a file is not there, or a file is not right."""


class DataNotFoundError(FileNotFoundError):
    """The files of a dataset are neither on this computer nor to be had from a mirror."""


class DataFileError(ValueError):
    """A file is damaged, of another kind, or of another dataset; nothing of it is used."""
