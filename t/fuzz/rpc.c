/* Lines to the JSON-RPC server: whatever they are, each answer is a line of JSON. */
#include "base/json.h"
#include "server.h"

static void
connected(int fd)
{
	rpc_connect(server.rpc, fd, fd, RPC_SOCKET);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char good[] = "\n{\"jsonrpc\":\"2.0\",\"id\":\"good\","
	    "\"method\":\"session/list\"}\n";
	struct buf told = BUF_INIT, said = BUF_INIT;
	struct jtext v;
	char *line, *nl;

	server_open();
	server_client(connected, p, n, &told);
	for (line = told.p; line && (nl = strchr(line, '\n')); line = nl + 1) {
		CLAIM(json_parse(line, (size_t)(nl - line), &v, NULL) == 0);
		CLAIM(json_str_is(json_get(v, "jsonrpc"), "2.0"));
	}
	/* And the next good request has its answer. */
	buf_trunc(&told, 0);
	buf_puts(&said, good);
	server_client(connected, (const uint8_t *)said.p, said.n, &told);
	CLAIM(strstr(told.p, "\"id\":\"good\",\"result\""));
	buf_free(&said);
	buf_free(&told);
	return 0;
}
