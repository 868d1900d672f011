"""proto-docs/openapi.yaml against the running front end, both ways.

Every documented route and status is made to happen, and its body must have the documented fields
and no others. A status that is documented and has no exercise here fails, and so does one that
happens and is not documented.
"""

import os
import re
import sys
import threading

import yaml

from fake_server import FakeServer, parse, read_all, request

ID = "0123456789abcdef-1000001"
SPEC = yaml.safe_load(open(os.path.join(os.environ["PODRING_SOURCE"], "proto-docs/openapi.yaml")))
exercised = set()
problems = []


def resolve(node):
    while "$ref" in node:
        target = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def check(value, schema, where):
    """The part of JSON Schema that the file uses; anything else in the file is an error."""
    schema = resolve(schema)
    if "allOf" in schema:  # OpenAPI 3.0's way to say that a reference may be null
        if value is not None or not schema.get("nullable"):
            check(value, schema["allOf"][0], where)
        return
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "pattern",
             "nullable", "description", "format", "default", "minimum", "maximum", "maxItems"}
    if set(schema) - known:
        raise AssertionError(f"{where}: this test does not know {set(schema) - known}")
    if value is None and schema.get("nullable"):
        return
    wanted = TYPES[schema["type"]]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        problems.append(f"{where}: {value!r} is no {schema['type']}")
        return
    if "enum" in schema and value not in schema["enum"]:
        problems.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        problems.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if wanted is dict:
        properties = schema.get("properties", {})
        for name in set(schema.get("required", [])) - set(value):
            problems.append(f"{where}: {name} is missing")
        for name in set(value) - set(properties):
            problems.append(f"{where}: {name} is not documented")
        for name in set(value) & set(properties):
            check(value[name], properties[name], f"{where}.{name}")
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        problems.append(f"{where}: {len(value)} items")
    for i, item in enumerate(value if wanted is list else []):
        check(item, schema["items"], f"{where}[{i}]")


def expect(route, method, status, reply):
    """One exercise: the answer must be this documented status, with what is documented for it."""
    where = f"{method.upper()} {route} {status}"
    exercised.add((route, method, str(status)))
    if reply.status != status:
        problems.append(f"{where}: answered {reply.status} {reply.body[:300]!r}")
        return
    documented = SPEC["paths"][route][method]["responses"].get(str(status))
    if documented is None:
        problems.append(f"{where}: not documented")
        return
    documented = resolve(documented)
    for header in documented.get("headers", {}):
        # The headers of the components are references; their names are the keys.
        if header.lower() not in reply.headers:
            problems.append(f"{where}: header {header} is missing")
    (content_type, content), = documented["content"].items()
    if reply.headers["content-type"].split(";")[0] != content_type:
        problems.append(f"{where}: content type {reply.headers['content-type']}")
    elif content_type == "application/json":
        check(reply.json(), content["schema"], where)


ROUTES = [(route, method) for route, item in SPEC["paths"].items()
          for method in ("get", "post") if method in item]
ADMIN = {"/healthz", "/readyz", "/metrics"}


def path_of(route):
    return route.replace("{id}", ID)


def common_errors(server):
    """What any request can run into before its route looks at it."""
    for route, method in ROUTES:
        admin, path, verb = route in ADMIN, path_of(route), method.upper()
        ask = lambda text: server.ask(text, admin)
        expect(route, method, 405, ask(request("DELETE", path, b"")))
        expect(route, method, 413, ask(request(verb, path, b" " * 1_600_000)))
        expect(route, method, 417, ask(request(verb, path, b"{}", ["Expect: dinner"])))
        expect(route, method, 431, ask(request(verb, path, None, ["X: " + "x" * 40_000])))
        expect(route, method, 501, ask(request(verb, path, None, ["Transfer-Encoding: gzip"])))
        if method == "get":
            expect(route, method, 400, ask(request(verb, path + "?a=%zz")))


def slow_clients():
    with FakeServer(request_timeout_ms=100) as server:
        for route, method in ROUTES:
            half = f"{method.upper()} {path_of(route)} HTTP/1.1\r\nHost:".encode()
            expect(route, method, 408, server.ask(half, route in ADMIN))


def overloaded():
    """One thread and a queue of one, both taken: the next connection is told so."""
    with FakeServer(threads=1, queue=1) as server:
        for admin in (False, True):
            held = []
            while True:
                client = server.connect(admin)
                client.settimeout(0.3)
                try:
                    told = client.recv(65536)
                except TimeoutError:
                    held.append(client)
                    continue
                break
            reply = parse(told + read_all(client))
            if len(held) != 2:
                problems.append(f"{len(held)} connections were held, not 2")
            for route, method in ROUTES:
                if (route in ADMIN) == admin and route not in ("/healthz", "/readyz"):
                    expect(route, method, 503, reply)
            for client in held:
                client.close()


def views(server):
    server.tell("pods 3")
    server.tell("message hello")
    for route in ("/ring", "/messages", "/messages/{id}", "/"):
        expect(route, "get", 200, server.ask(request("GET", path_of(route))))
    for route in ("/healthz", "/readyz", "/metrics"):
        expect(route, "get", 200, server.ask(request("GET", route), admin=True))
    expect("/messages", "get", 400, server.ask(request("GET", "/messages?limit=0")))
    expect("/messages/{id}", "get", 404, server.ask(request("GET", "/messages/nonsense")))
    server.tell("idle 20000")
    expect("/healthz", "get", 503, server.ask(request("GET", "/healthz"), admin=True))
    server.tell("ready 0")
    expect("/readyz", "get", 503, server.ask(request("GET", "/readyz"), admin=True))
    server.tell("throw 1")
    for route in ("/ring", "/messages", "/messages/{id}"):
        expect(route, "get", 500, server.ask(request("GET", path_of(route))))
    expect("/metrics", "get", 500, server.ask(request("GET", "/metrics"), admin=True))
    expect("/messages", "post", 500,
           server.ask(request("POST", "/messages", {"message": "a", "wait": "accepted"})))
    server.tell("throw 0")


def streams():
    with FakeServer(streams=1) as server:
        client, text = server.open_stream()
        expect("/events", "get", 200, parse(text))
        expect("/events", "get", 503, server.ask(request("GET", "/events")))
        client.close()


def seeds():
    with FakeServer(waiting=1) as server:
        post = lambda body, **more: server.ask(request("POST", "/messages", body, **more))
        expect("/messages", "post", 202, post({"message": "a", "wait": "accepted"}))
        expect("/messages", "post", 202, post({"message": "a", "key": "k"}))
        again = post({"message": "a", "key": "k"})
        expect("/messages", "post", 202, again)
        if again.json().get("repeated") is not True:
            problems.append("a repeated key is not told")
        expect("/messages", "post", 200,
               post({"message": "a", "wait": "completed", "count": 3, "laps": 2}))
        server.tell("fate expired")
        expect("/messages", "post", 200, post({"message": "a", "wait": "completed"}))
        expect("/messages", "post", 400, post({"message": 1}))
        expect("/messages", "post", 411,
               server.ask(b"POST /messages HTTP/1.1\r\nHost: a\r\n\r\n"))
        expect("/messages", "post", 415, server.ask(
            b"POST /messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"))
        for fate, status in (("ring_full", 503), ("leaving", 503), ("too_large", 413),
                             ("bad_request", 400)):
            server.tell(f"fate {fate}")
            expect("/messages", "post", status, post({"message": "a"}))
        server.tell("fate accepted")
        waits = threading.Thread(target=post, args=({"message": "a", "wait_ms": 3000},))
        waits.start()
        while b"podring_http_waiting 1\n" not in server.ask(request("GET", "/metrics"), True).body:
            pass
        expect("/messages", "post", 429, post({"message": "a"}))
        waits.join()
        expect("/messages", "post", 504, post({"message": "a", "wait_ms": 20}))
        server.tell("fate kept")
        expect("/messages", "post", 503, post({"message": "a", "wait": "accepted"}))


def broadcasts():
    with FakeServer(waiting=1) as server:
        post = lambda body, **more: server.ask(request("POST", "/broadcast", body, **more))
        server.tell("pods 3")
        for fate, status in (("delivered", 200), ("refused_there", 502), ("ring_full", 503), ("too_large", 413)):
            server.tell(f"fate {fate}")
            expect("/broadcast", "post", status, post({"message": "a", "timeout_ms": 50}))
        expect("/broadcast", "post", 400, post({"message": "a", "laps": 2}))
        expect("/broadcast", "post", 411, server.ask(b"POST /broadcast HTTP/1.1\r\nHost: a\r\n\r\n"))
        expect("/broadcast", "post", 415, server.ask(
            b"POST /broadcast HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"))
        server.tell("fate accepted")
        expect("/broadcast", "post", 504, post({"message": "a", "timeout_ms": 20}))
        waits = threading.Thread(target=post, args=({"message": "a", "timeout_ms": 3000},))
        waits.start()
        while b"podring_http_waiting 1\n" not in server.ask(request("GET", "/metrics"), True).body:
            pass
        expect("/broadcast", "post", 429, post({"message": "a"}))
        waits.join()
        server.tell("throw 1")
        expect("/broadcast", "post", 500, post({"message": "a", "timeout_ms": 20}))
    with FakeServer(broadcast=0) as server:
        expect("/broadcast", "post", 403, server.ask(request("POST", "/broadcast", {"message": "a"})))


def request_schema():
    """The documented fields and bounds of a seed are those that the server keeps."""
    with FakeServer() as server:
        post = lambda body: server.ask(request("POST", "/messages", body)).status
        schema = SPEC["components"]["schemas"]["Seed"]
        for name, field in schema["properties"].items():
            field = resolve(field)
            good = {"message": "a"}
            if field["type"] == "integer":
                for value, taken in ((field["minimum"], True), (field["maximum"], True),
                                     (field["minimum"] - 1, False), (field["maximum"] + 1, False)):
                    status = post({**good, name: value, "wait": "accepted"})
                    if (status == 202) != taken:
                        problems.append(f"{name} {value}: {status}")
            for value in field.get("enum", []):
                if post({**good, name: value}) not in (200, 202):
                    problems.append(f"{name} {value} is not taken")
            if name not in schema["required"] and field["type"] == "string":
                if post({**good, name: 1}) != 400:
                    problems.append(f"{name} takes a number")
        if post({"message": "a", "key": "k" * schema["properties"]["key"]["maxLength"]}) != 202:
            problems.append("the longest key is not taken")
        if post({"message": "a", "other": 1}) != 400:
            problems.append("an unknown field is taken")


def main():
    with FakeServer() as server:
        views(server)
        server.tell("idle 1")
        common_errors(server)
    for group in (seeds, broadcasts, streams, slow_clients, overloaded, request_schema):
        group()
    documented = {(route, method, status) for route, method in ROUTES
                  for status in SPEC["paths"][route][method]["responses"]}
    for route, method, status in sorted(documented - exercised):
        problems.append(f"{method.upper()} {route} {status} is documented and was never seen here")
    for problem in problems:
        print(problem)
    print(f"{len(documented)} documented answers, {len(exercised)} seen, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
