#!/usr/bin/env -S node --
import { main } from "./cli/main.js";

void main();
