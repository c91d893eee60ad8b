// For vitest's `setupFiles`: makes this worker and the processes that its tests start record their TLS connections.
import { inject } from "vitest";
import { recordingEnvironment } from "./records.js";

Object.assign(process.env, recordingEnvironment(inject("tlsRecords")));
await import("./recorder.mjs");
