import { describe, expect, it } from "vitest";
import { sayValue, spaced, valueWords } from "./values";

describe("the words of a value", () => {
  const words = valueWords({ enum: ["cosine", "nf4", "film_size"], "x-words": { cosine: "Kosinus", nf4: "nf4" } });

  it("are those that came with its schema, and a name is as it is", () => {
    expect(["cosine", "nf4"].map((value) => sayValue(words, value))).toEqual(["Kosinus", "nf4"]);
  });

  it("are its letters where nobody said it", () => {
    expect(sayValue(words, "film_size")).toBe("Film size");
    expect(sayValue(valueWords({ enum: ["off"] }), "off")).toBe("Off");
    expect(sayValue(valueWords({ "x-words": { off: 3 } }), "constructor")).toBe("Constructor");
    expect(spaced("vae")).toBe("VAE");
  });
});
