import { useTranslation } from "react-i18next";
import type { Problem } from "../api/wire.gen";
import { typesOf, wordsOf } from "./names";

/** Write what is wrong in the language of the page. */
export function useProblemWords(): (problem: Problem) => string {
  const { t } = useTranslation();
  return (problem) => {
    const { port, given, wanted } = problem.params ?? {};
    if (problem.code === "port_type" && port !== undefined) {
      const types = (listed: unknown) => typesOf(t, String(listed).split(" | "));
      return t("errors.port_type", { port: wordsOf(t, String(port)), given: types(given), wanted: types(wanted) });
    }
    if (problem.message) return problem.message;
    const key = `errors.${problem.code}`;
    const said = t(key, problem.params ?? {});
    return said === key ? problem.code : said;
  };
}
