"""A server that answers GET /v1/models for the token `tok`; writes its port to argv[1]."""
import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = (self.path == "/v1/models"
                and self.headers["Authorization"] == "Bearer tok")
        self.send_response(200 if good else 401)
        self.end_headers()
        self.wfile.write(b'{"data":[{"id":"m1"}]}')

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".tmp", "w") as f:
    f.write(str(server.server_port))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
server.serve_forever()
