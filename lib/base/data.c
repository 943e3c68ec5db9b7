#include "base/data.h"

BUILT_IN(data_models, "share/models.json");
