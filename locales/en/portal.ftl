# Words of the doctors' door.
