import { describe, expect, it } from "vitest";
import { directionOf, firstLanguage, fit, localeOf } from "./locale";

const EIGHT = ["ar", "de", "en", "es", "fr", "ja", "pt-BR", "zh-Hans"];
const SPOKEN = { languages: Object.fromEntries(EIGHT.map((code) => [code, code])), language: "en" };

describe("the language of the page", () => {
  it.each([
    ["pt-PT", "pt-BR"], ["pt", "pt-BR"], ["zh-CN", "zh-Hans"], ["zh-Hans-SG", "zh-Hans"],
    ["zh-TW", "zh-Hans"], ["zh", "zh-Hans"], ["de-AT", "de"], ["en-GB", "en"], ["es-419", "es"],
    ["AR-eg", "ar"], ["nl", null], ["not a tag", null],
  ])("serves a reader of %s", (tag, code) => {
    expect(fit(tag, EIGHT)).toBe(code);
  });

  it("is the nearer one in script or region where there are several", () => {
    const many = ["en", "en-AU", "pt-BR", "pt-PT", "zh-Hans", "zh-Hant"];
    expect(["zh-TW", "zh-HK", "zh-SG", "pt-PT", "en-AU", "en-GB"].map((tag) => fit(tag, many)))
      .toEqual(["zh-Hant", "zh-Hant", "zh-Hans", "pt-PT", "en-AU", "en"]);
  });

  it("is what was chosen, else what the browser asks for, else the server's own", () => {
    expect(firstLanguage("ja", ["de-AT"], SPOKEN)).toBe("ja");
    expect(firstLanguage("xx", ["de-AT"], SPOKEN)).toBe("de");
    expect(firstLanguage(null, ["nl-BE", "fr-BE", "en"], SPOKEN)).toBe("fr");
    expect(firstLanguage(null, ["nl"], { ...SPOKEN, language: "es" })).toBe("es");
    expect(firstLanguage(null, [], { languages: {}, language: "de" })).toBe("en");
  });

  it("takes up a language that the server has and the page never heard of", () => {
    const more = { languages: { ...SPOKEN.languages, nl: "Nederlands" }, language: "en" };
    expect(firstLanguage(null, ["nl-BE"], more)).toBe("nl");
  });

  it("writes numbers and dates as the reader's region does", () => {
    expect(localeOf("en", ["de-DE", "en-GB"])).toBe("en-GB");
    expect(localeOf("ar", ["en-US"])).toBe("ar");
    expect(localeOf("zh-Hans", ["zh-TW", "zh-SG"])).toBe("zh-SG");
  });

  it("runs the way it is read", () => {
    expect(["ar", "ar-EG", "fa", "he", "ks-Arab", "uz-arab"].map(directionOf)).toEqual(Array(6).fill("rtl"));
    expect(["ja", "zh-Hans", "ks-Deva", "de"].map(directionOf)).toEqual(Array(4).fill("ltr"));
  });
});
