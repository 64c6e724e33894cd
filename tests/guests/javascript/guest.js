// A normalizer in JavaScript: each line is an event as it stands, and at `POISON` it does what its config says
// (`trap`, `loop`).

const NO_TIMESTAMP = -(2n ** 63n);

let deed = "";

export const lifecycle = {
  configure(config) {
    deed = JSON.parse(config).do;
    if (deed === undefined) {
      // Thrown as it is, a string is the error of the WIT's result.
      throw "the config says not what to `do`";
    }
  },
};

export const normalize = {
  process(origin, lines) {
    if (contains(lines.bytes, "POISON")) {
      misbehave();
    }
    const count = lines.ends.length;
    const starts = Uint32Array.from(lines.ends, (_, at) => (at === 0 ? 0 : lines.ends[at - 1]));
    const events = {
      arena: new Uint8Array(),
      timestamps: new BigInt64Array(count).fill(NO_TIMESTAMP),
      severities: new Uint8Array(count),
      sourceEnds: lines.ends,
      rawStarts: starts,
      rawEnds: lines.ends,
      messageStarts: starts,
      messageEnds: lines.ends,
      labels: new Uint16Array(count),
      labelNames: ["default"],
      attributeEvents: new Uint32Array(),
      attributeKeys: new Uint16Array(),
      keyNames: [],
      attributeStarts: new Uint32Array(),
      attributeEnds: new Uint32Array(),
      attributeJson: [],
    };
    return { consumed: count, events };
  },
};

function contains(bytes, word) {
  const first = word.charCodeAt(0);
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (String.fromCharCode(...bytes.subarray(at, at + word.length)) === word) {
      return true;
    }
  }
  return false;
}

function misbehave() {
  if (deed === "trap") {
    // An Error without a payload has no place in the WIT's result, so it is a trap.
    throw new Error("poisoned");
  }
  while (deed === "loop") {}
}
