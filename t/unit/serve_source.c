#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "serve/accept.h"
#include "test.h"

/* What of an address counts as one source. */

static void
source(const char *address, char name[SOURCE_MAX], char net[SOURCE_MAX])
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (inet_pton(AF_INET6, address, &six.sin6_addr) == 1)
		accept_source((struct sockaddr *)&six, name, net);
	else if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
		accept_source((struct sockaddr *)&four, name, net);
}

TEST(addresses_of_one_64_are_one_source_and_keep_their_names)
{
	static const struct { const char *address, *net; } t[] = {
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:2::", "2001:db8:1:2::/64" },
		{ "2001:db8:1:3::1", "2001:db8:1:3::/64" },
		{ "::1", "::/64" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff::/64" },
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "::ffff:192.0.2.7" },
	};
	char name[SOURCE_MAX], net[SOURCE_MAX];

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		source(t[i].address, name, net);
		STR_IS(name, t[i].address);
		STR_IS(net, t[i].net);
	}
}

TEST(a_unix_socket_is_one_source)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char name[SOURCE_MAX], net[SOURCE_MAX];

	accept_source((struct sockaddr *)&un, name, net);
	STR_IS(name, "unix");
	STR_IS(net, "unix");
}
