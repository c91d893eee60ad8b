// Hosts that the tests do not run, because npm does not have them. Their settings are compared with published schemas.

/** @type {readonly { title: string, page: string, way: string, write: string, reason: string }[]} */
export const notRun = [];
