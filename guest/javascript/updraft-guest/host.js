// What a component may ask of the host: a line in its log, a number in its metrics. Nothing else is there.

let connected;

/** Called by the exports: only the component's entry can import the host, which plain Node.js does not have. */
export function connect(host) {
  connected = host;
}

export const host = {
  log(severity, message) {
    if (connected) {
      connected.log(severity, message);
    } else {
      console.error(`[severity ${severity}] ${message}`);
    }
  },

  count(name, by = 1) {
    connected?.count(name, BigInt(by));
  },
};
