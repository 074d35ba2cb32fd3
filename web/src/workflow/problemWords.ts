import { useTranslation } from "react-i18next";
import type { Problem } from "../api/wire.gen";

/** Write what is wrong in the language of the page. */
export function useProblemWords(): (problem: Problem) => string {
  const { t } = useTranslation();
  return (problem) => {
    if (problem.message) return problem.message;
    const key = `errors.${problem.code}`;
    const said = t(key, problem.params ?? {});
    return said === key ? problem.code : said;
  };
}
