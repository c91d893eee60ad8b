import { expect, it } from "vitest";
import { parseListenAddress } from "../../../src/lib/listen-address.js";
import { isLoopbackAddress } from "../../../src/lib/loopback.js";

it.each([
  ["127.0.0.1:8484", { host: "127.0.0.1", port: 8484 }],
  ["127.255.0.9:0", { host: "127.255.0.9", port: 0 }],
  ["[::1]:65535", { host: "::1", port: 65_535 }],
  ["[0:0:0:0:0:0:0:1]:80", { host: "::1", port: 80 }],
  ["0.0.0.0:8080", { host: "0.0.0.0", port: 8080 }],
  ["[::]:8080", { host: "::", port: 8080 }],
  ["[2001:DB8::1]:8080", { host: "2001:db8::1", port: 8080 }],
])("%s is an address to listen on", (text, expected) => {
  expect(parseListenAddress(text)).toEqual(expected);
});

it.each([
  "",
  "8080",
  ":8080",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "127.0.0.1:-1",
  "127.0.0.1:080808",
  "127.0.0.1:8080/",
  "127.0.0.1:8080\n",
  " 127.0.0.1:8080",
  "127.1:8080",
  "127.0.0.256:8080",
  "127.0.0.01:8080",
  "2130706433:8080",
  "127.0.0.1.:8080",
  "::1:8080",
  "[::1]",
  "[127.0.0.1]:8080",
  "[::1%lo]:8080",
  "[:::1]:8080",
  "localhost:8080",
  "http://127.0.0.1:8080",
])("%j is not an address to listen on", (text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});

it("only addresses of 127.0.0.0/8 and ::1 are loopback addresses", () => {
  const addresses = [
    "127.0.0.1",
    "127.9.8.7",
    "::1",
    "0.0.0.0",
    "::",
    "128.0.0.1",
    "10.0.0.1",
    "::ffff:7f00:1",
  ];
  expect(addresses.filter(isLoopbackAddress)).toEqual(["127.0.0.1", "127.9.8.7", "::1"]);
});
