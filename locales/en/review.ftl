# Words of the review door.
