#ifndef BASE_DATA_H
#define BASE_DATA_H

/* Files that are built into the library, NUL terminated. */
extern const char data_models[];	/* share/models.json */

#endif
