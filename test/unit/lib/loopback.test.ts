import { expect, it } from "vitest";
import { isLoopbackHost } from "../../../src/lib/loopback.js";

it.each([
  "localhost",
  "LOCALHOST",
  "app.localhost",
  "127.0.0.1",
  "127.1",
  "0x7f000001",
  "127.255.255.254",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
])("the host %s is this machine", (host) => {
  expect(isLoopbackHost(new URL(`http://${host}:80/`).hostname)).toBe(true);
});

it.each([
  "localhost.example",
  "notlocalhost",
  "127.0.0.1.example",
  "128.0.0.1",
  "10.0.0.1",
  "0.0.0.0",
  "[::]",
  "[::2]",
  "[::ffff:10.0.0.1]",
])("the host %s is not this machine", (host) => {
  expect(isLoopbackHost(new URL(`http://${host}:80/`).hostname)).toBe(false);
});
