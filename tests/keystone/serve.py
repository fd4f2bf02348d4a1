"""Serves Keystone on a port of 127.0.0.1, a thread for each connection: serve.py PORT, with OS_KEYSTONE_CONFIG_FILES."""
import socketserver
import sys
from wsgiref import simple_server

from keystone.server.wsgi import initialize_public_application


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def server_bind(self):
        # Without asking for the name of the address, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address
        self.setup_environ()


class Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


# Keystone reads the command line itself, and knows no port.
port = int(sys.argv.pop(1))
application = initialize_public_application()
simple_server.make_server("127.0.0.1", port, application, Server, Handler).serve_forever()
