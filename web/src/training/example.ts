/** How the creature of the example set stands, and on what: a subject that no model has seen. */
export type Pose = { arms: "down" | "up"; sits: boolean; ground: string; x: number; y: number; size: number };

export const POSES: readonly Pose[] = [
  { arms: "down", sits: false, ground: "rgb(245 245 245)", x: 0, y: 0, size: 1 },
  { arms: "up", sits: false, ground: "rgb(60 160 70)", x: 0.04, y: 0.02, size: 0.92 },
  { arms: "down", sits: true, ground: "rgb(240 210 60)", x: 0, y: 0.04, size: 0.98 },
  { arms: "down", sits: false, ground: "rgb(240 150 180)", x: -0.12, y: 0.08, size: 0.76 },
  { arms: "up", sits: false, ground: "rgb(140 140 140)", x: 0.1, y: -0.04, size: 0.8 },
];

const LEFT = "rgb(20 170 160)";
const RIGHT = "rgb(240 120 30)";
const EYE = "rgb(250 250 250)";
const PUPIL = "rgb(20 20 30)";
const SIDE = 256;

/** Draw the creature: teal on its left, orange on its right. */
export function draw(pen: CanvasRenderingContext2D, pose: Pose, side: number): void {
  pen.save();
  pen.scale(side, side);
  pen.fillStyle = pose.ground;
  pen.fillRect(0, 0, 1, 1);
  pen.translate(0.5 + pose.x, 0.5 + pose.y);
  pen.scale(pose.size, pose.size);
  pen.translate(-0.5, -0.5);
  half(pen, pose, LEFT, 0);
  half(pen, pose, RIGHT, 0.5);
  for (const x of [0.4, 0.6]) {
    disc(pen, EYE, x, 0.43, 0.075, 0.075);
    disc(pen, PUPIL, x, 0.43, 0.035, 0.035);
  }
  pen.fillStyle = pose.arms === "up" ? PUPIL : EYE;
  pen.beginPath();
  pen.ellipse(0.5, 0.61, 0.09, 0.06, 0, 0, Math.PI);
  pen.fill();
  pen.restore();
}

/** Make a picture file of one pose. */
export async function drawn(pose: Pose, place: number): Promise<File> {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d");
  if (!pen) throw new TypeError("This browser draws nothing");
  draw(pen, pose, SIDE);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new TypeError("This browser draws nothing");
  return new File([blob], `creature-${place + 1}.png`, { type: "image/png" });
}

function half(pen: CanvasRenderingContext2D, pose: Pose, colour: string, from: number): void {
  pen.save();
  pen.beginPath();
  pen.rect(from === 0 ? -1 : from, -1, from === 0 ? 1.5 : 2, 3);
  pen.clip();
  pen.strokeStyle = colour;
  disc(pen, colour, 0.5, 0.52, 0.25, 0.27);
  for (const side of [-1, 1]) {
    const x = (part: number) => 0.5 + side * part;
    pen.beginPath();
    pen.moveTo(x(0.08), 0.3);
    pen.lineTo(x(0.22), 0.35);
    pen.lineTo(x(0.24), 0.08);
    pen.fill();
    if (pose.sits) {
      disc(pen, colour, x(0.24), 0.77, 0.13, 0.07);
      disc(pen, colour, x(0.27), 0.58, 0.07, 0.1);
      continue;
    }
    pen.fillRect(x(0.12) - 0.05, 0.7, 0.1, 0.22);
    pen.lineWidth = 0.09;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(x(0.2), 0.52);
    pen.lineTo(x(0.36), pose.arms === "up" ? 0.32 : 0.7);
    pen.stroke();
  }
  pen.restore();
}

function disc(pen: CanvasRenderingContext2D, colour: string, x: number, y: number, width: number, height: number): void {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.ellipse(x, y, width, height, 0, 0, Math.PI * 2);
  pen.fill();
}
