#include <string.h>

#include "base/util.h"
#include "tool/tool.h"

bool
sandbox_parse(const char *s, enum sandbox_mode *m)
{
	static const char *const names[] = { "off", "workspace", "strict" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strcmp(s, names[i])) {
			*m = (enum sandbox_mode)i;
			return true;
		}
	return false;
}
