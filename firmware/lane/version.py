"""The version of this firmware; `lvzha firmware build` writes the version of its image here."""

FIRMWARE = "0.1.0"
