import { createServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { authorityOf, listenOnTcp } from "../../../src/proxy/tcp.js";
import { rejectionOf } from "../../support/rejection-of.js";

function plainServer(): Server {
  const server = createServer((socket) => socket.destroy());
  onTestFinished(() => void server.close());
  return server;
}

test("an address is written as in a URL", () => {
  expect(authorityOf({ host: "127.0.0.1", port: 80 })).toBe("127.0.0.1:80");
  expect(authorityOf({ host: "::1", port: 8484 })).toBe("[::1]:8484");
});

test("with port 0 the address has the port that the system chose", async () => {
  const server = plainServer();
  const { host, port } = await listenOnTcp(server, { host: "127.0.0.1", port: 0 }, "--listen");
  expect([host, server.address()]).toEqual(["127.0.0.1", expect.objectContaining({ address: host, port })]);
});

test("a connection that cannot be accepted does not end the program", async () => {
  const server = plainServer();
  await listenOnTcp(server, { host: "127.0.0.1", port: 0 }, "--listen");
  for (const code of ["EMFILE", "ENFILE"]) server.emit("error", Object.assign(new Error(code), { code }));
  expect(server.listening).toBe(true);
});

test("a port in use is refused with the process that uses it and another choice", async () => {
  const { port } = await listenOnTcp(plainServer(), { host: "127.0.0.1", port: 0 }, "--listen");
  for (const option of ["--listen", "--health"]) {
    const error = await rejectionOf(listenOnTcp(plainServer(), { host: "127.0.0.1", port }, option));
    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain(`127.0.0.1:${port} is in use by `);
    expect(error.message).toContain(`${option} 127.0.0.1:0`);
    if (process.platform === "linux") expect(error.message).toContain(`process ${process.pid} (`);
  }
});

test("an address that this machine does not have is refused with the reason", async () => {
  const error = await rejectionOf(listenOnTcp(plainServer(), { host: "192.0.2.1", port: 0 }, "--listen"));
  expect(error.code).toBe("config_invalid");
  expect(error.message).toContain("192.0.2.1:0 (EADDRNOTAVAIL)");
});
