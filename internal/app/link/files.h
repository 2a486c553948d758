#include <stdbool.h>
#include <stdint.h>

// One file or folder. The entries of a folder stand together, sorted by name; the first of all is the root.
struct app_node {
    uint32_t name, name_length; // in app_names
    uint32_t parent;
    uint32_t first; // of a file, the first of its bytes in app_bytes; of a folder, its first entry
    uint32_t size;  // bytes, or entries
    bool folder;
};

extern const struct app_node app_nodes[];

void app_open_files(void);
