package temporald

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"go.temporal.io/server/common/log"
)

// newLogger passes on errors, from level up. The server says several hundred lesser things on its way up and down that
// mean something only to those who run a cluster of it. What is fatal to it must not end the process: it is raised as a
// panic.
func newLogger(l *zap.Logger, level zap.AtomicLevel) log.Logger {
	if l == nil {
		// Not zap.NewNop: it takes no fatal message, and the server would go on after one.
		l = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zapcore.ErrorLevel))
	}
	return log.NewZapLogger(l.Named("temporal").WithOptions(
		zap.IncreaseLevel(level),
		zap.AddStacktrace(zapcore.PanicLevel),
		zap.WithFatalHook(zapcore.WriteThenPanic),
	))
}
