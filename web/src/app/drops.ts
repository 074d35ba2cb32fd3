import { useEffect } from "react";

/**
 * Keep a file that is let go where nothing takes it from taking the place of the page.
 *
 * A browser opens such a file, and what was on the page is gone from sight. Whoever takes files
 * prevents that itself; `say` is told of the others.
 */
export function useDrops(say: () => void): void {
  useEffect(() => {
    function over(event: DragEvent): void {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // else a drop is not told at all
    }
    function drop(event: DragEvent): void {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      say();
    }
    window.addEventListener("dragover", over);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("drop", drop);
    };
  }, [say]);
}
