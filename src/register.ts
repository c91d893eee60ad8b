import { start } from "./register/start.js";

// The program begins when this has ended.
await start(import.meta.url);
