#include "base/util.h"

#include "test.h"

static const unsigned char bytes[16] = { 0x01, 0x93, 0x6f, 0x8a, 0x7b, 0x2c,
	0x70, 0x00, 0x80, 0x00, 0xde, 0xad, 0xbe, 0xef, 0x00, 0xff };
static const char text[] = "01936f8a-7b2c-7000-8000-deadbeef00ff";

TEST(bytes_and_text_are_one_id)
{
	char out[UUID_LEN + 1];
	unsigned char b[16];

	uuid_text(bytes, out);
	STR_IS(out, text);
	uuid_bytes("01936F8A-7B2C-7000-8000-DEADBEEF00FF", b);
	OK(!memcmp(b, bytes, sizeof b));
}

TEST(made_ids_carry_version_and_variant)
{
	char four[UUID_LEN + 1], seven[UUID_LEN + 1], other[UUID_LEN + 1];

	uuid_v4(four);
	uuid_v4(other);
	OK(uuid_valid(four) && four[14] == '4' && strchr("89ab", four[19]));
	OK(strcmp(four, other) != 0);
	uuid_v7(seven);
	OK(uuid_valid(seven) && seven[14] == '7' && strchr("89ab", seven[19]));
	uuid_v7(other);
	OK(strcmp(seven, other) < 0);
}

TEST(every_form_is_read_as_the_usual_one)
{
	static const char *const forms[] = { text,
		"01936F8A-7B2C-7000-8000-DEADBEEF00FF",
		"01936f8a7b2c70008000deadbeef00ff",
		"{01936f8a-7b2c-7000-8000-deadbeef00ff}",
		"{01936f8a7b2c70008000deadbeef00ff}",
		"urn:uuid:01936f8a-7b2c-7000-8000-deadbeef00ff",
		"URN:UUID:01936f8a7b2c70008000deadbeef00ff" };
	char out[UUID_LEN + 1];

	for (size_t i = 0; i < COUNT(forms); i++) {
		OK(uuid_read(forms[i], out));
		STR_IS(out, text);
	}
}

TEST(what_is_no_id_is_refused)
{
	static const char *const bad[] = { "", "x", "{", "{}", "urn:uuid:",
		"01936f8a-7b2c-7000-8000-deadbeef00f",
		"01936f8a-7b2c-7000-8000-deadbeef00ff0",
		"01936f8a-7b2c-7000-8000-deadbeef00fg",
		"01936f8a7b2c-7000-8000-deadbeef00ff-",
		"0193-6f8a7b2c70008000deadbeef00ff",
		"{01936f8a-7b2c-7000-8000-deadbeef00ff" };
	char out[UUID_LEN + 1];

	for (size_t i = 0; i < COUNT(bad); i++)
		OK(!uuid_read(bad[i], out));
}
