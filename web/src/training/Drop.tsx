import { Button } from "@mantine/core";
import { useRef, useState, type ReactNode } from "react";
import { Icon } from "../ui/icons";

type Props = {
  onFiles: (files: File[]) => void;
  label: string; // of the button
  children?: ReactNode;
  className?: string;
  filled?: boolean;
};

/** A place that takes files, by drop or by a button. Any file: what cannot be used is told why. */
export function Drop({ onFiles, label, children, className = "", filled = false }: Props): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  return (
    <div
      className={`set-drop ${className}`}
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        onFiles([...event.dataTransfer.files]);
      }}
    >
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={label}
        accept="image/png,image/jpeg,image/webp,.txt,.caption"
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
      {children}
      <Button variant={filled ? "filled" : "default"} leftSection={<Icon name="plus" />} onClick={() => input.current?.click()}>
        {label}
      </Button>
    </div>
  );
}
