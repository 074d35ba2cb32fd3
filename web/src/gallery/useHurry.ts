import { useEffect, useState, type RefObject } from "react";

const LATELY = 250; // milliseconds that are looked back on
const FAR = 1.25; // screens in that time: of what passes nobody sees more than that it does; a page is less
const CALM = 100; // milliseconds without a scroll, after which it has come to rest

/** Say whether a list is scrolled so fast that what passes need not be fetched. */
export function useHurry(scroller: RefObject<HTMLElement | null>): boolean {
  const [hurried, setHurried] = useState(false);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    let places: { at: number; top: number }[] = []; // of the last moments, oldest first
    let timer: number | undefined;
    const rest = (): void => {
      places = [];
      setHurried(false);
    };
    const look = (): void => {
      const [at, top] = [performance.now(), element.scrollTop];
      places = [...places.filter((place) => at - place.at < LATELY), { at, top }];
      const [oldest] = places;
      setHurried(oldest !== undefined && Math.abs(top - oldest.top) > FAR * element.clientHeight);
      window.clearTimeout(timer);
      timer = window.setTimeout(rest, CALM);
    };
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      window.clearTimeout(timer);
      element.removeEventListener("scroll", look);
    };
  }, [scroller]);
  return hurried;
}
