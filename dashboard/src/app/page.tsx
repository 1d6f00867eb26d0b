import { Live } from "./Live";

export default function Page() {
  return <Live />;
}
