import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { BodyTooLarge, type BoundedRequest, boundedFetch } from "../../../src/net/bounded-fetch.js";
import { networkFailure } from "../../../src/net/network-failure.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { type Handler, type HttpServer, startHttpServer } from "../../support/http-server.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { selfSigned } from "./self-signed.js";

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  servers.push(server);
  return server;
}

const request = (url: string, more: Partial<BoundedRequest> = {}): BoundedRequest => ({
  server: "billing",
  target: "the token endpoint",
  endpoint: "token endpoint",
  url,
  timeout: 10_000,
  ...more,
});

describe("a bounded exchange", () => {
  test("a request is sent as given, and its response has status, headers and text", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(418, { "x-answer": "yes" });
      response.end("\u{feff}tea ü");
    });
    const answer = await boundedFetch(
      fetch,
      request(`${server.origin}/t?x=1`, { method: "POST", headers: { "x-a": "b" }, body: "k=ü" }),
    );
    expect(answer.status).toBe(418);
    expect(answer.headers.get("x-answer")).toBe("yes");
    expect(answer.body).toBe("tea ü");
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ method: "POST", url: "/t?x=1", body: "k=ü" });
    expect(server.requests[0]?.headers["x-a"]).toBe("b");
  });

  test("a redirect is returned and not followed", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(307, { location: "/elsewhere" });
      response.end();
    });
    expect((await boundedFetch(fetch, request(server.origin, { method: "POST", body: "x" }))).status).toBe(
      307,
    );
    expect(server.requests.map(({ url }) => url)).toEqual(["/"]);
  });

  test("a redirect that the fetch of the caller has followed is reported as a redirect", async () => {
    const server = await serve(({ url }, response) => {
      if (url === "/") response.writeHead(302, { location: "/elsewhere" });
      response.end("{}");
    });
    const following = (input: string | URL | Request) => fetch(input);
    expect((await boundedFetch(following, request(server.origin))).status).toBe(302);
  });

  test("a body may be as large as the limit, and not one byte larger", async () => {
    const server = await serve(({ url }, response) => {
      response.writeHead(201);
      response.end("x".repeat(Number(url.slice(1))));
    });
    const ask = (size: number) => boundedFetch(fetch, request(`${server.origin}/${size}`));
    expect((await ask(1_048_576)).body).toHaveLength(1_048_576);
    const error = await ask(1_048_577).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BodyTooLarge);
    expect(error).toMatchObject({ status: 201 });
  });

  test("the size limit counts the body after decompression", async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      response.end(bomb);
    });
    await expect(boundedFetch(fetch, request(server.origin))).rejects.toBeInstanceOf(BodyTooLarge);
  });

  test("the socket of a body that is too large or not wanted is released", async () => {
    const closed: Promise<unknown>[] = [];
    const server = await serve((_request, response) => {
      closed.push(once(response, "close"));
      response.write("x".repeat(2_000)); // and never ends
    });
    await expect(boundedFetch(fetch, request(server.origin, { maxBytes: 100 }))).rejects.toBeInstanceOf(
      BodyTooLarge,
    );
    expect((await boundedFetch(fetch, request(server.origin, { discardBody: true }))).body).toBe("");
    await Promise.all(closed);
    expect(closed).toHaveLength(2);
  });
});

describe("timeout", () => {
  test("the timeout covers the wait for headers", async () => {
    const clock = fakeClock();
    const server = await serve(() => {});
    const error = rejectionOf(boundedFetch(fetch, request(server.origin, { clock, timeout: 500 })));
    await server.received(1);
    await clock.advance(500);
    expect(await error).toMatchObject({ code: "timeout", retryable: true, server: "billing" });
    expect((await error).message).toBe(
      `Server "billing": the token endpoint (${server.origin}) did not answer within 500 ms. Try again, or raise "timeout" in the config.`,
    );
  });

  test("the timeout covers the body, and releases the socket", async () => {
    const clock = fakeClock();
    let closed: Promise<unknown> | undefined;
    const server = await serve((_request, response) => {
      closed = once(response, "close");
      response.write("{");
    });
    const headersCame = deferred<void>();
    const watched = async (input: string | URL | Request, init?: RequestInit) => {
      const response = await fetch(input, init);
      headersCame.resolve();
      return response;
    };
    const error = rejectionOf(boundedFetch(watched, request(server.origin, { clock, timeout: 500 })));
    await headersCame.promise;
    await clock.advance(499);
    await clock.advance(1);
    expect((await error).code).toBe("timeout");
    expect((await error).message).toContain("did not send all of its answer within 500 ms.");
    await closed;
  });

  test("the timeout ends a fetch that ignores its signal, and its late response is dropped", async () => {
    const clock = fakeClock();
    const late = deferred<Response>();
    const error = rejectionOf(
      boundedFetch(() => late.promise, request("https://auth.example/token", { clock })),
    );
    await clock.advance(10_000);
    expect((await error).code).toBe("timeout");
    const cancelled = deferred<void>();
    late.resolve(new Response(new ReadableStream({ cancel: () => cancelled.resolve() })));
    await cancelled.promise;
  });

  test("no timer is left after an exchange, however it ends", async () => {
    const clock = fakeClock();
    const server = await serve((_request, response) => void response.end("ok"));
    await boundedFetch(fetch, request(server.origin, { clock }));
    await rejectionOf(boundedFetch(fetch, request("http://127.0.0.1:1/", { clock })));
    await boundedFetch(fetch, request(server.origin, { clock, maxBytes: 1 })).catch(() => {});
    expect(clock.pending).toEqual([]);
  });
});

describe("a caller's signal", () => {
  test("nothing is sent if the signal is already aborted", async () => {
    const server = await serve((_request, response) => void response.end());
    const error = await rejectionOf(
      boundedFetch(fetch, request(server.origin, { signal: AbortSignal.abort() })),
    );
    expect(error).toMatchObject({ code: "aborted", retryable: false });
    expect(server.requests).toHaveLength(0);
  });

  test("the caller's signal aborts a request in progress", async () => {
    const server = await serve(() => {});
    const caller = new AbortController();
    const error = rejectionOf(boundedFetch(fetch, request(server.origin, { signal: caller.signal })));
    await server.received(1);
    caller.abort(new Error("a reason that may hold anything"));
    expect((await error).code).toBe("aborted");
    expect((await error).message).not.toContain("anything");
  });

  test("no listener is left on the signal after an exchange", async () => {
    const server = await serve((_request, response) => void response.end("ok"));
    let listeners = 0;
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    for (let i = 0; i < 20; i += 1) await boundedFetch(fetch, request(server.origin, { signal }));
    expect(listeners).toBe(0);
  });
});

describe("failures of the network", () => {
  test("a refused connection is unavailable and retryable, and only its code is shown", async () => {
    const server = await serve(() => {});
    await server.close();
    const error = await rejectionOf(boundedFetch(fetch, request(`${server.origin}/token?secret=s`)));
    expect(error).toMatchObject({ code: "unavailable", retryable: true, server: "billing" });
    expect(error.message).toBe(
      'Server "billing": the token endpoint could not be reached (ECONNREFUSED). Nothing accepts connections there. Check the host and port, and that the server runs.',
    );
    expect(error.cause).toBeUndefined();
  });

  test("a connection dropped in the middle of the body is unavailable", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("x");
      response.socket?.end();
    });
    expect((await rejectionOf(boundedFetch(fetch, request(server.origin)))).code).toBe("unavailable");
  });

  test("the text of an error from the fetch of the caller is not shown", async () => {
    const own = () => {
      throw new Error("Bearer abc");
    };
    const error = await rejectionOf(boundedFetch(own, request("https://auth.example/token")));
    expect(error.code).toBe("unavailable");
    expect(`${error.message}${error.stack}`).not.toContain("abc");
  });

  test("a mistake in our own code is not reported as a failure of the network", async () => {
    const mistake = new TypeError("x is not a function");
    const headers = {
      get accept(): string {
        throw mistake;
      },
    };
    const unused = () => Promise.reject(new Error("not called"));
    const exchange = boundedFetch(unused, request("https://auth.example/token", { headers }));
    await expect(exchange).rejects.toBe(mistake);
  });

  test("an untrusted certificate is tls_failed and not retryable", async () => {
    const server = createServer(selfSigned, (_request, response) => void response.end("ok"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // A TCP server that listens has an address object.
    const { port } = server.address() as AddressInfo;
    const error = await rejectionOf(boundedFetch(fetch, request(`https://127.0.0.1:${port}/token`)));
    server.close();
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toContain("(DEPTH_ZERO_SELF_SIGNED_CERT)");
  });

  test("a server without TLS is tls_failed", async () => {
    const server = await serve((_request, response) => void response.end());
    const url = server.origin.replace("http:", "https:");
    expect((await rejectionOf(boundedFetch(fetch, request(url)))).code).toBe("tls_failed");
  });

  test.each([
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERR_SSL_WRONG_VERSION_NUMBER",
  ])("the code %s in a cause of fetch's error is tls_failed", (code) => {
    const error = new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code }) });
    expect(networkFailure(error, "it").code).toBe("tls_failed");
  });

  test("the errors of several addresses are read, and an endless chain of causes is not", () => {
    const refused = Object.assign(new Error(), { code: "ECONNREFUSED" });
    expect(networkFailure({ cause: { errors: [refused] } }, "it").detail).toContain("ECONNREFUSED");
    const loop: { cause?: unknown } = {};
    loop.cause = loop;
    expect(networkFailure(loop, "it").code).toBe("unavailable");
    expect(networkFailure({ code: "text <b>of</b> a stranger" }, "it").detail).toContain("(network error)");
  });
});
