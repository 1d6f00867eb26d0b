import Link from "next/link";
import { Note } from "@/components/Note";

export default function NotFound() {
  return (
    <Note title="There is no such page">
      Those that are there are named above; it all begins with <Link href="/">Live</Link>.
    </Note>
  );
}
