/// <reference path="./undici-parts.d.ts" />
// The parts of undici that the program uses. Its main module would load three times as much.
import buildConnector from "undici/lib/core/connect.js";
import Agent from "undici/lib/dispatcher/agent.js";

export { Agent, buildConnector };
