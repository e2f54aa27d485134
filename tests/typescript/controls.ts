// Negative controls: each marked line must be refused. Where Stripe's declarations (or our way of
// reading them) let one through, the compiler reports the unused mark and the check fails.

import type {
  ConfirmationTokenResult,
  PaymentIntent,
  Stripe,
  StripeElements,
  StripePaymentElement,
} from "@stripe/stripe-js";
import type { Outcome } from "../../service/static/js/server.js";

declare const stripe: Stripe;
declare const elements: StripeElements;
declare const payment: StripePaymentElement;
declare const token: ConfirmationTokenResult;

// @ts-expect-error the Payment Element has no such event
payment.on("completed", () => {});

// @ts-expect-error payment_method_types is gone from Elements since endive
stripe.elements({ mode: "payment", amount: 2400, currency: "usd", paymentMethodTypes: ["card"] });

// @ts-expect-error a deferred intent needs an amount
stripe.elements({ mode: "payment", currency: "usd" });

// @ts-expect-error the token is made of Elements, not of an Element
stripe.createConfirmationToken({ elements: payment });

// @ts-expect-error the result may be an error instead of a token
void token.confirmationToken.id;

// @ts-expect-error fields are hidden by "never", not by false
elements.create("payment", { fields: { billingDetails: { email: false } } });

// @ts-expect-error Stripe spells it with one l
export const status: PaymentIntent.Status = "cancelled";

// @ts-expect-error the server never says that a payment failed: it asks for another method
export const outcome: Outcome = { status: "failed" };

// @ts-expect-error a stand-in that cannot be submitted is not a stand-in
export const group = { update: async () => {} } satisfies Pick<StripeElements, "submit" | "update">;
