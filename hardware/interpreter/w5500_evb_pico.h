// Made by `python -m tools.hardware`; change tools/hardware/interpreters.toml.
#define MICROPY_HW_ROMFS_BYTES (256 * 1024)
#define MICROPY_HW_FLASH_STORAGE_BYTES (1152 * 1024)
