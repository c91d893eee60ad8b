"""A host that speaks plain HTTP, with the standard library of Python 3: python3 client.py URL"""

import http.client
import json
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-06-18",
}


def message_of(content_type, text):
    """Returns the message of a body: JSON, or an event stream whose last event is the answer."""
    if not content_type.startswith("text/event-stream"):
        return json.loads(text)
    data = [line[5:] for line in text.splitlines() if line.startswith("data:") and line[5:].strip()]
    return json.loads(data[-1])


def ask(url, method, params, identifier=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if identifier is not None:
        message["id"] = identifier
    request = urllib.request.Request(url, json.dumps(message).encode(), HEADERS)
    with urllib.request.urlopen(request) as response:
        text = response.read().decode()
        if identifier is None:
            return response.status
        return message_of(response.headers["Content-Type"], text)


def main(url):
    client = {"name": "python", "version": "1.0.0"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    initialized = ask(url, "initialize", params, 1)
    accepted = ask(url, "notifications/initialized", {})
    tools = ask(url, "tools/list", {}, 2)["result"]["tools"]

    # The same connection for two calls, with http.client and a body in chunks.
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    texts = []
    for number in (3, 4):
        call = {"name": "echo", "arguments": {"text": f"naïve call {number}"}}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
        body = iter([json.dumps(message)[:20].encode(), json.dumps(message)[20:].encode()])
        connection.request("POST", parts.path, body, HEADERS, encode_chunked=True)
        response = connection.getresponse()
        answer = message_of(response.headers["Content-Type"], response.read().decode())
        texts.append(answer["result"]["content"][0]["text"])

    try:
        ask(url + "-unknown", "notifications/initialized", {})
        unknown = 200
    except urllib.error.HTTPError as error:
        unknown = error.code
    found = {
        "server": initialized["result"]["serverInfo"]["name"],
        "accepted": accepted,
        "tools": [tool["name"] for tool in tools],
        "texts": texts,
        "unknown": unknown,
        "error": ask(url + "-unknown", "tools/list", {}, "five")["error"]["data"]["code"],
    }
    print(json.dumps(found))


main(sys.argv[1])
